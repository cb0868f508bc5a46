# The service for docker-compose.yml, or against servers of your own (EVENTSTORE_URL, POSTGRES_URL, REDIS_URL). Without
# them it runs the embedded ones, with their data in the volume; the embedded PostgreSQL shares memory in /dev/shm, for
# which Docker's usual 64 MB are enough.
FROM node:20-slim

WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force
COPY . .
RUN mkdir /data && chown node:node /data

ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
VOLUME /data
EXPOSE 3000
USER node
# Alive, not ready: a container is not started anew because the database or the balancer's turn is away.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=64", "bin/reprise.js", "serve"]
