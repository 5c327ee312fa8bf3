// Package sqlstate names the SQLSTATEs that the tool knows: PostgreSQL's, and those that its own statements raise.
package sqlstate

// PostgreSQL's, by their names in its errcodes.txt.
const (
	ConnectionException        = "08000"
	ConnectionDoesNotExist     = "08003"
	ConnectionFailure          = "08006"
	UnableToConnect            = "08001"
	ProtocolViolation          = "08P01"
	FeatureNotSupported        = "0A000"
	UniqueViolation            = "23505"
	ActiveTransaction          = "25001" // the statement cannot run in a transaction block
	ReadOnlyTransaction        = "25006"
	IdleInTransactionTimeout   = "25P03"
	TransactionTimeout         = "25P04"
	InvalidTermination         = "2D000" // COMMIT where a procedure must not commit
	InvalidCatalogName         = "3D000" // there is no such database
	SerializationFailure       = "40001"
	DeadlockDetected           = "40P01"
	InsufficientPrivilege      = "42501"
	NameTooLong                = "42622"
	DuplicateObject            = "42710"
	UndefinedTable             = "42P01"
	DuplicateTable             = "42P07"
	TooManyConnections         = "53300"
	ObjectInUse                = "55006"
	LockNotAvailable           = "55P03"
	QueryCanceled              = "57014"
	AdminShutdown              = "57P01"
	CrashShutdown              = "57P02"
	CannotConnectNow           = "57P03"
	IdleSessionTimeout         = "57P05"
	InternalError              = "XX000"
	SyntaxErrorOrAccessRule    = "42" // the class of errors about names, columns and rights
	ClassInternal, ClassSystem = "XX", "58"
)

// What the tool's own statements raise.
const (
	RowGone      = "MG001" // the history row is not as expected: another run has done the work
	SealBroken   = "MG002" // the history row does not belong to this transaction any more
	LockHeld     = "MG003" // another run holds the run lock
	RecordStale  = "MG004" // the record is not as it was read: another run has resumed the file
	IndexInvalid = "MG005" // the index that a statement has built is not valid
	Stranger     = "MG006" // code of a stranger would run as a superuser
	SessionState = "MG007" // a statement would not have what an earlier one has left in its session

	// Own is the class of these.
	Own = "MG"
)
