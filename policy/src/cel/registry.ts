import { encoderDefinitions } from './library/encoders.ts';
import { listDefinitions } from './library/lists.ts';
import { mathDefinitions } from './library/math.ts';
import { namedFormatDefinitions } from './library/named-formats.ts';
import { networkDefinitions } from './library/network.ts';
import { optionalDefinitions } from './library/optional.ts';
import { quantityDefinitions } from './library/quantity.ts';
import { regexDefinitions } from './library/regex.ts';
import { semverDefinitions } from './library/semver.ts';
import { setDefinitions } from './library/sets.ts';
import { standardDefinitions } from './library/standard.ts';
import { stringDefinitions } from './library/strings.ts';
import { urlDefinitions } from './library/url.ts';
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
  ...listDefinitions,
  ...setDefinitions,
  ...urlDefinitions,
  ...networkDefinitions,
  ...quantityDefinitions,
  ...semverDefinitions,
  ...namedFormatDefinitions,
  ...mathDefinitions,
  ...encoderDefinitions,
]);
