import { haveImage } from './image.ts'

export const balancerImage = 'haproxy:3.0'

/** As far as compose/nodes.yml needs it: Debian's package in the place of the official image, whose program it is. */
const dockerfile = `
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
`

/** Has the balancer's image: pulled, or made where it can't be. */
export const haveBalancer = () => haveImage(balancerImage, dockerfile)
