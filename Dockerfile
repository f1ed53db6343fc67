# The image of Annexa: one static program, certificates, and nothing else. docs/IMAGE.md says why, and what was measured.
#
#   infra/image build        builds it, infra/image check shows that it works, infra/deploy pushes it
#   docker buildx build --platform linux/arm64 --build-arg REVISION=$(git rev-parse HEAD) -t annexa:0.1.0 .

# Pinned by version. To pin the bytes, too, give BUILDER as rust:1.95.0-slim-trixie@sha256:...; no registry of images was
# in reach to look the digest up. The version is rust-toolchain.toml's. Nothing of it but certificates, the C library in
# the program and licences gets into the image.
ARG BUILDER=docker.io/library/rust:1.95.0-slim-trixie

# The compiler runs on the machine's own processor, and compiles for the platform that is asked for: an emulated compiler
# takes hours.
FROM --platform=${BUILDPLATFORM} ${BUILDER} AS build
ARG TARGETARCH
WORKDIR /src

# Which target, and a C compiler for it if the machine's own is another. Static: the image needs no C library then. The
# target is named even where it is the machine's, so that build scripts stay dynamic.
COPY infra/imaging/target infra/imaging/target
RUN infra/imaging/target "${TARGETARCH}"

# Dependencies alone, on programs that do nothing: this layer holds until Cargo.toml or Cargo.lock changes.
# The secret is for those who fetch crates through a registry of their own:
# --secret id=cargo-config,src=$HOME/.cargo/config.toml
COPY Cargo.toml Cargo.lock ./
COPY infra/imaging/skeleton infra/imaging/skeleton
RUN --mount=type=secret,id=cargo-config,target=/usr/local/cargo/config.toml \
    infra/imaging/skeleton && cargo build --locked --profile dist --bin annexa

# The program. What COPY brings may be older than the skeleton's build: touch, or cargo takes it for built.
COPY data data
COPY src src
RUN --mount=type=secret,id=cargo-config,target=/usr/local/cargo/config.toml \
    touch src/lib.rs src/bin/*.rs && cargo build --locked --profile dist --bin annexa

# The root folder of the image: the program under its four names, certificates, a name for the user, what is inside.
COPY LICENSE NOTICE ./
COPY infra/imaging/root infra/imaging/inventory infra/imaging/
RUN --mount=type=secret,id=cargo-config,target=/usr/local/cargo/config.toml \
    infra/imaging/root /image /owned && infra/imaging/inventory /image/usr/share/doc/annexa

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="annexa" \
      org.opencontainers.image.description="Codes medical-device incident reports to IMDRF terms" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /owned/ /
WORKDIR /data
ENV PATH=/usr/local/bin \
    HOME=/data \
    ANNEXA_HEALTH_PORT=8080
USER 65532:65532
STOPSIGNAL SIGTERM
# For docker; ECS looks at the task definition's alone. Any service answers on the port, whatever its name. A command
# that is no service counts as unhealthy, which docker only shows.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/annexa-worker", "health"]
ENTRYPOINT ["/usr/local/bin/annexa"]
CMD ["--help"]
