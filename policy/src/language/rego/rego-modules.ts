/** The compiled modules of a load: each bundle once, whoever asks for it. */
import { BadModule } from './bad-module.ts';
import type { OpaBundle } from './opa-bundle.ts';
import { loadRegoModule, type RegoModule } from './rego-module.ts';

export type RegoRule = { readonly module: RegoModule; readonly entrypoint: string; readonly digest: string };
export type RegoFinding = RegoRule | { readonly reason: string };

export type RegoModules = {
  /** The rule in the bundle at the path. */
  at(path: string, entrypoint: string): RegoFinding;
  /** The rule in whichever bundle has the entrypoint. */
  withEntrypoint(entrypoint: string): RegoFinding;
};

export function createRegoModules(bundles: readonly OpaBundle[]): RegoModules {
  const loaded = new Map<string, RegoModule | string>();
  const load = (bundle: OpaBundle): RegoModule | string => {
    const known = loaded.get(bundle.path);
    if (known !== undefined) return known;
    const module = attempt(bundle);
    loaded.set(bundle.path, module);
    return module;
  };
  return {
    at(path, entrypoint) {
      const bundle = bundles.find((one) => one.path === path);
      if (bundle === undefined) return { reason: `there is no bundle ${path}` };
      const module = load(bundle);
      if (typeof module === 'string') return { reason: `${path}: ${module}` };
      if (module.entrypoints.includes(entrypoint)) return { module, entrypoint, digest: bundle.digest };
      return { reason: `${path} has no entrypoint ${entrypoint}; it has ${module.entrypoints.join(', ')}` };
    },
    withEntrypoint(entrypoint) {
      const having = bundles.filter((bundle) => {
        const module = load(bundle);
        return typeof module !== 'string' && module.entrypoints.includes(entrypoint);
      });
      const [first, second] = having;
      if (first === undefined) return { reason: `no bundle has the entrypoint ${entrypoint}` };
      if (second !== undefined)
        return { reason: `${first.path} and ${second.path} both have the entrypoint ${entrypoint}` };
      return { module: load(first) as RegoModule, entrypoint, digest: first.digest };
    },
  };
}

function attempt({ wasm, data }: OpaBundle): RegoModule | string {
  try {
    return loadRegoModule(wasm, data);
  } catch (thrown) {
    if (thrown instanceof BadModule) return thrown.message;
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
