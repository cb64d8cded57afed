/**
 * Makes a network with a subnet that nobody else has.
 * @param draw draws a subnet at random
 * @returns the subnet that Docker took
 */
export async function makeNetwork(draw: () => string, create: (subnet: string) => Promise<unknown>): Promise<string> {
  for (;;) {
    const subnet = draw()
    const isMade = await create(subnet).then(
      () => true,
      (error) => {
        if (!/overlaps/.test(String(error))) throw error
        return false
      },
    )
    if (isMade) return subnet
  }
}
