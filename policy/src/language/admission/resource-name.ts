/** The plural that the API serves a kind under, where nothing but the kind is known. */

const irregular: Readonly<Record<string, string>> = { Endpoints: 'endpoints' };

/** As the API machinery guesses it, which is right for every built-in kind and for custom ones that follow the habit. */
export function resourceNameOf(kind: string): string {
  const known = Object.hasOwn(irregular, kind) ? irregular[kind] : undefined;
  if (known !== undefined) return known;
  const name = kind.toLowerCase();
  if (name.endsWith('s')) return `${name}es`;
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`;
}
