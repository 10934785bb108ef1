import type { Json } from '@driftline/proto';

/** Distinct scalars whose values are remembered; with more, all are forgotten and it begins anew. */
const maxScalars = 10_000;

/** Values of scalars without quotes, as `parse` has them: most of a file's are of a few dozen kinds. */
export function createScalarReader(parse: (text: string) => Json): (text: string) => Json {
  const known = new Map<string, Json>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= maxScalars) known.clear();
    const value = parse(text);
    known.set(text, value);
    return value;
  };
}
