/** The zone that answers for a name: the longest apex it lies under. */
export function zoneOf<Z extends { apex: string }>(name: string, zones: readonly Z[]): Z | undefined {
  const under = zones.filter(({ apex }) => name === apex || name.endsWith(`.${apex}`));
  return under.sort((a, b) => b.apex.length - a.apex.length)[0];
}
