package servertest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// TestARunSendsWhatADryRunPrints follows a run of many files on the wire, with each EXECUTE in the place of what it stands for. A
// message takes the lock and frees what is left in the session once, and the printed script for each file.
func TestARunSendsWhatADryRunPrints(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.Start(t, newDatabase(t))
	all := []string{
		"001_first.sql", "create table first (id int);\ninsert into first values (1), (2)", "002_settings.sql", "set search_path = pg_catalog; set role pg_monitor; set work_mem = '7MB'",
		"003_limited.sql", "-- migrator: isolation=serializable, lock-timeout=7s\nselect 'é' -- end", "004_pair.sql", "begin;\ncreate table pair (id int);\ncommit;\n",
		"005_prepares.sql", "prepare mine as select 1; execute mine;", "006_locks.sql", "select pg_advisory_lock(7)", "007_o'clock.sql", "",
		"R_view.sql", "create or replace view one as select 1 as n",
	}
	for i := range 12 {
		all = append(all, fmt.Sprintf("1%02d_more.sql", i), fmt.Sprintf("create table more_%d (id int)", i))
		all = append(all, fmt.Sprintf("1%02d_more.down.sql", i), fmt.Sprintf("drop table more_%d", i))
	}
	m := open(t, proxy.URL(), files(all...), migrator.Config{})
	for _, target := range []migrator.Target{migrator.Up(), migrator.Down(5)} {
		plan, err := m.Plan(t.Context(), target)
		require.NoError(t, err)
		var printed strings.Builder
		_, err = plan.WriteTo(&printed)
		require.NoError(t, err)
		proxy.Reset()
		_, err = m.Run(t.Context(), target)
		require.NoError(t, err)

		s := session{prepared: map[string]string{}}
		files := 0
		for _, message := range proxy.Messages() {
			if message.Type == 'Q' && strings.Contains(message.SQL, "begin isolation level") {
				require.Less(t, message.Length, 16<<10, "the proxy has recorded all of it")
				once := s.receives(t, message.SQL)
				require.Equal(t, []int{1, 1}, once, "it takes the lock, and frees the advisory locks")
				files += strings.Count(message.SQL, "begin isolation level")
			}
		}
		require.Greater(t, files, len(proxy.Messages())/2, "files travel together")
		p := session{}
		p.receives(t, onlyForPsql.ReplaceAllString(printed.String(), ""))
		require.Equal(t, strings.Join(p.ran, "\n"), strings.Join(s.ran, "\n"))
	}
}

// onlyForPsql are the lines of a printed plan that a run does not send.
var onlyForPsql = regexp.MustCompile(`(?m)^(\\.*|--.*|begin;\nrollback;\ndiscard all;|set standard_conforming_strings = on;)\n`)

// A session is what a server has received, in one form.
type session struct {
	prepared map[string]string
	ran      []string
}

var (
	prepares    = regexp.MustCompile(`(?s)^prepare migrator_(\w+) \([^)]*\) as (.*)$`)
	executes    = regexp.MustCompile(`(?s)^execute migrator_(\w+) \((.*)\)$`)
	assigns     = regexp.MustCompile(`set_config\('(\w+)', '((?:[^']|'')*)', true\)`)
	setsLocal   = regexp.MustCompile(`^set local (\w+) = (.*)$`)
	runID       = regexp.MustCompile(`migrator [0-9a-f]{8} `)
	sealed      = regexp.MustCompile(`(?s)^with sealed as \(\s*(.*)\n  returning 1\)`)
	sealedBlock = regexp.MustCompile(`(?s)^do \$migrator\$begin\s*((?:update|delete from)[^;]*xmin[^;]*);\n  if not found`)
	freed       = regexp.MustCompile(`^(deallocate all|set (idle_session_timeout|tcp_keepalives_idle|tcp_keepalives_interval|tcp_user_timeout) = .*)$`)
)

// receives notes what runs, and counts what a message has once: the lock, and what frees others.
func (s *session) receives(t *testing.T, message string) (once []int) {
	t.Helper()
	once = []int{0, 0}
	statements, err := sqllex.Split(message)
	require.NoError(t, err)
	for _, statement := range statements {
		sql := statement.Text(message)
		if p := prepares.FindStringSubmatch(sql); p != nil {
			require.NotContains(t, s.prepared, p[1], "it is prepared once")
			s.prepared[p[1]] = p[2]
			continue
		}
		if e := executes.FindStringSubmatch(sql); e != nil {
			require.Contains(t, s.prepared, e[1])
			sql = s.prepared[e[1]]
			for i, argument := range strings.Split(e[2], "', '") {
				sql = strings.ReplaceAll(sql, fmt.Sprintf("$%d", i+1), "'"+strings.Trim(argument, "'")+"'")
			}
		}
		switch settings := assigns.FindAllStringSubmatch(sql, -1); {
		case strings.Contains(sql, "pg_catalog.pg_try_advisory_") && !strings.Contains(sql, "unlock_all"):
			once[0]++
		case strings.Contains(sql, "unlock_all"):
			once[1]++
		case freed.MatchString(sql), strings.Contains(sql, "pg_prepared_statements"):
			if sql == "deallocate all" {
				clear(s.prepared)
			}
		case strings.HasPrefix(sql, "select pg_catalog.to_char(") && len(settings) == 0: // the clock
		case len(settings) > 0:
			for _, setting := range settings {
				s.note("set local " + setting[1] + " = " + setting[2])
			}
		case setsLocal.MatchString(sql):
			setting := setsLocal.FindStringSubmatch(sql)
			s.note("set local " + setting[1] + " = " + strings.Trim(setting[2], "'"))
		case sealed.MatchString(sql):
			s.note(sealed.FindStringSubmatch(sql)[1])
		case sealedBlock.MatchString(sql):
			s.note(sealedBlock.FindStringSubmatch(sql)[1])
		default:
			s.note(sql)
		}
	}
	return once
}

func (s *session) note(sql string) {
	s.ran = append(s.ran, runID.ReplaceAllString(sql, "migrator "))
}
