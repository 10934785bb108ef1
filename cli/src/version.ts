import { readFileSync } from 'node:fs';

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Of this package. */
export const cliVersion: string = String((manifest as { readonly version: unknown }).version);
