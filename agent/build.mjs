/**
 * The agent as plain JavaScript, for its image: types stripped, `.ts` in imports turned to `.js`, the protocol beside it.
 * A process that runs TypeScript loads a compiler for it, which costs it a tenth of its memory.
 *   node agent/build.mjs OUT     writes OUT/agent/src/main.js and all that it needs but the packages: those are looked
 *                                for in node_modules of OUT and the folders above it
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { stripTypeScriptTypes } from 'node:module';

const root = join(import.meta.dirname, '..');
/** In the order of "may import": what comes first knows nothing of what comes after. */
const rooms = ['proto', 'agent'];
const isTest = /\.test\.ts$|-fixture\.ts$|scripted-/;
/** A module's name in an import, an export or a URL beside the module. */
const specifier = /(\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)'([^'\n]+)'/g;

/** @param {string} out */
export function build(out) {
  for (const room of rooms) {
    rmSync(join(out, room), { recursive: true, force: true });
    const source = join(root, room, 'src');
    for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
      const file = relative(root, join(entry.parentPath, entry.name));
      if (!entry.isFile() || isTest.test(file)) continue;
      if (file.endsWith('.d.ts') || file.endsWith('.md')) continue;
      const target = join(out, file);
      mkdirSync(dirname(target), { recursive: true });
      if (file.endsWith('.ts')) writeFileSync(target.replace(/\.ts$/, '.js'), toJavaScript(file));
      else cpSync(join(root, file), target);
    }
    const { name, version, type } = JSON.parse(readFileSync(join(root, room, 'package.json'), 'utf8'));
    writeFileSync(join(out, room, 'package.json'), `${JSON.stringify({ name, version, private: true, type })}\n`);
  }
}

/** @param {string} file below the root */
function toJavaScript(file) {
  const text = stripTypeScriptTypes(readFileSync(join(root, file), 'utf8'));
  const up = relative(dirname(file), '.');
  return text.replaceAll(specifier, (_whole, before, name) => {
    const target = name === '@driftline/proto' ? `${up}/proto/src/index.js` : name.replace(/^(\..*)\.ts$/, '$1.js');
    return `${before}'${target}'`;
  });
}

const [out] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename) {
  if (out === undefined) throw new TypeError('usage: node agent/build.mjs OUT');
  build(out);
}
