package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.HandleFunc("GET /migrations.json", s.migrations)
	return s.limited(mux)
}

// limited gives each answer a deadline of its own, which a handler that streams can move. The server's WriteTimeout could not be
// moved beyond.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.deadline(w)
		next.ServeHTTP(w, r)
	})
}

// deadline gives an answer that is written from now on its time.
func (s *Server) deadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.answer))
}

func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) {
	doing := s.doing.Load()
	code := http.StatusOK
	if !doing.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, doing)
}

func (s *Server) migrations(w http.ResponseWriter, r *http.Request) {
	h := s.history.Load()
	if h == nil {
		writeJSON(w, http.StatusServiceUnavailable, s.doing.Load())
		return
	}
	body, err := h.answer(r.Context())
	s.deadline(w)
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	write(w, http.StatusOK, body)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	write(w, code, append(body, '\n'))
}

func write(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client may be gone
}
