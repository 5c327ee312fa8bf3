# Where the official image cannot be pulled, any image with Go and CA certificates does: --build-arg BUILDER=….
ARG BUILDER=golang:1.26

FROM ${BUILDER} AS build
WORKDIR /src
# The modules first: this layer is made anew only when they change.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/agent-shaker/agent-shaker/migrator/cli.Version=${VERSION}" -o /out/ ./cmd/server

# Nothing but the one program, which holds the migrations and runs them too (docker run IMAGE migrate status), and the certificates
# that sslmode=verify-full needs. No volume, since nothing is written, and no HEALTHCHECK, since there is no shell and no curl to
# run one: ask /healthz and /readyz from outside.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/server /
# By number, because there is no /etc/passwd, and because Kubernetes' runAsNonRoot can check no name.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/server"]
