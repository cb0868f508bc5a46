# The service for docker-compose.yml, or against servers of your own (EVENTSTORE_URL, POSTGRES_URL, REDIS_URL). Without
# them it runs the embedded ones, with their data in the volume; the embedded PostgreSQL shares memory in /dev/shm, for
# which Docker's usual 64 MB are enough. Only /data is written to: the root file system may be read-only.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
COPY embedded embedded
COPY migrations migrations
COPY ops/contracts ops/contracts
# What is left of node_modules is what the lock file has for production.
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/bin/reprise.js bin/reprise.js
COPY --from=build /app/dist dist
RUN mkdir /data && chown node:node /data

ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
VOLUME /data
EXPOSE 3000
USER node
# Alive, not ready: a container is not started anew because the database or the balancer's turn is away.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=64", "--always-sparkplug", "bin/reprise.js", "serve"]
