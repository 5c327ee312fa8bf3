<#
.SYNOPSIS
Makes the next migration file in migrations/.

.DESCRIPTION
Calls `migrator create`, which chooses the number, writes the header and never overwrites a file. It writes into MIGRATIONS_DIR where
that is set. Exits with a code other than 0 when nothing was made.

.EXAMPLE
./scripts/create-migration.ps1 "Add User Roles" -Down
#>
[CmdletBinding()]
param(
    # What the migration does, in a few words: "Add User Roles" makes 007_add_user_roles.sql after 006.
    [Parameter(Mandatory, Position = 0)]
    [ValidateNotNullOrEmpty()]
    [string] $Name,

    # A UTC timestamp in place of the next number.
    [switch] $Timestamp,

    # Its .down.sql partner too.
    [switch] $Down
)

$arguments = @('run', './cmd/migrator', 'create')
if ($Timestamp) { $arguments += '--timestamp' }
if ($Down) { $arguments += '--down' }
# After --, a name that begins with a dash is no option.
$arguments += '--', $Name

Push-Location (Join-Path $PSScriptRoot '..')
try {
    & go @arguments
    $code = $LASTEXITCODE
}
finally {
    Pop-Location
}
exit $code
