# Builds the image of Regway. Its last stage is laid out and run by test/e2e/image.test.ts; with a container engine it was never built.
#
#   docker build -t regway .
#   docker run --read-only --tmpfs /tmp --cap-drop=ALL --security-opt=no-new-privileges -p 127.0.0.1:4000:4000 -v regway:/data regway
#
# Regway writes only to /data: the database, and the keyring unless REGWAY_KEYRING_FILE names another path.

FROM node:24-slim AS build
WORKDIR /source
COPY . .
# npm ci runs the build (the prepare script).
RUN npm ci --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
COPY --from=build /source/package.json /source/LICENSE ./
# The bundle contains every other dependency; a native addon cannot be bundled.
COPY --from=build /source/node_modules/better-sqlite3 ./node_modules/better-sqlite3
COPY --from=build /source/drizzle ./drizzle
COPY --from=build /source/schema ./schema
COPY --from=build /source/dist ./dist
# Alert rules and a dashboard, for operators who have only the image.
COPY --from=build /source/src/docs/operations ./src/docs/operations
# 1000 is the user `node` of the base image, as a number, so that Kubernetes can verify that it is not root.
RUN install --directory --owner=1000 --group=1000 --mode=0700 /data
USER 1000:1000
VOLUME /data
# SQLite sorts large results in temporary files; with a read-only root file system, only the volume is writable.
ENV NODE_ENV=production REGWAY_LISTEN=0.0.0.0:4000 REGWAY_DATA_DIR=/data SQLITE_TMPDIR=/data
EXPOSE 4000
# Checks the port above without TLS. With other settings, define your own check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4000/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-sigusr1", "--max-semi-space-size=8", "--heap-growing-percent=50", "--no-allocation-site-pretenuring", "/app/dist/regway.js"]
CMD ["serve"]
