import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { root } from '../../tools/lab/paths.ts'
import { haveImage } from './image.ts'

interface Services {
  readonly services: Readonly<Record<'prometheus' | 'grafana', { readonly image: string }>>
}

/** The images that compose/observe.yml names. */
const { services } = parse(readFileSync(`${root}compose/observe.yml`, 'utf8')) as Services
export const prometheusImage = services.prometheus.image
export const grafanaImage = services.grafana.image

/**
 * As far as compose/observe.yml needs it: Debian's package in the place of the official image, whose programs these
 * are, though of another release.
 */
const dockerfile = `
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/*
RUN install -d -o nobody -g nogroup /prometheus
USER nobody
EXPOSE 9090
VOLUME /prometheus
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
`

/** Has the image of Prometheus: pulled, or made where it can't be. */
export const havePrometheus = () => haveImage(prometheusImage, dockerfile)
