/** What is known of an object because one of our controls found it. */
export type ShownFact =
  | { readonly fact: 'exposure'; readonly level: 'outside' | 'cluster' }
  | { readonly fact: 'privilege'; readonly level: 'cluster-admin' | 'node' | 'cluster-wide' };

const outside: ShownFact = { fact: 'exposure', level: 'outside' };
const node: ShownFact = { fact: 'privilege', level: 'node' };

/** By control of the library: what its finding shows of the workload it is about, an excepted one too. */
export const factsShownBy: ReadonlyMap<string, readonly ShownFact[]> = new Map([
  ['DL-NET-002', [outside]],
  ['DL-NET-012', [{ fact: 'exposure', level: 'cluster' }]],
  ['DL-ID-006', [outside, { fact: 'privilege', level: 'cluster-wide' }]],
  ['DL-RBAC-019', [{ fact: 'privilege', level: 'cluster-admin' }]],
  // From the node there is a way to everything that runs on it.
  ['DL-POD-001', [node]],
  ['DL-POD-002', [node]],
  ['DL-POD-005', [node]],
  ['DL-POD-027', [node]],
  ['DL-POD-029', [node]],
  ['DL-POD-030', [node]],
  ['DL-POD-031', [node]],
  ['DL-POD-040', [node]],
]);

/** ATT&CK techniques by which somebody gets in, gets out to the node, or gets hold of credentials. */
export const techniquesThatExploit: ReadonlySet<string> = new Set([
  'T1068',
  'T1078',
  'T1133',
  'T1190',
  'T1528',
  'T1552',
  'T1609',
  'T1610',
  'T1611',
]);
