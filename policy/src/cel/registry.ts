import { encoderDefinitions } from './library/encoders.ts';
import { optionalDefinitions } from './library/optional.ts';
import { regexDefinitions } from './library/regex.ts';
import { standardDefinitions } from './library/standard.ts';
import { stringDefinitions } from './library/strings.ts';
import type { Definition, Overload } from './signature.ts';

function collect(definitions: readonly Definition[]): ReadonlyMap<string, readonly Overload[]> {
  const functions = new Map<string, Overload[]>();
  for (const [name, overload] of definitions) {
    const overloads = functions.get(name);
    if (overloads === undefined) functions.set(name, [overload]);
    else overloads.push(overload);
  }
  return functions;
}

/** Every function that may be called, operators aside. */
export const functions: ReadonlyMap<string, readonly Overload[]> = collect([
  ...standardDefinitions,
  ...stringDefinitions,
  ...regexDefinitions,
  ...optionalDefinitions,
  ...encoderDefinitions,
]);
