/**
 * Clocks that step: libfaketime, loaded into a process before all else, adds to the wall clock what a file says. Monotonic
 * clocks and the times of files stay true, as when somebody sets a host's clock.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, digestOf } from '../cache.ts';

const library = 'libfaketimeMT.so.1';

/** Path of the library, from Debian's package; undefined on a machine that cannot have it. */
export function fakeTimeLibrary(): string | undefined {
  try {
    const folder = cached('libfaketime', digestOf([], process.arch), (target) => {
      execFileSync('apt-get', ['download', 'libfaketime'], { cwd: target, stdio: 'ignore' });
      const archive = readdirSync(target).find((name) => name.endsWith('.deb'));
      execFileSync('dpkg-deb', ['-x', archive ?? '', target], { cwd: target, stdio: 'ignore' });
      if (pathIn(target) === undefined) throw new Error(`libfaketime: ${library} is not in ${archive}`);
    });
    return pathIn(folder);
  } catch {
    return undefined;
  }
}

function pathIn(folder: string): string | undefined {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).find(({ name }) => name === library);
  return found && join(found.parentPath, found.name);
}

export type FakeClock = {
  /** For the process whose clock it is. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes effect within a second. */
  set(offsetS: number): void;
};

export function openFakeClock(libraryPath: string, file: string): FakeClock {
  const set = (offsetS: number): void => writeFileSync(file, `${offsetS < 0 ? '' : '+'}${offsetS}\n`);
  set(0);
  const environment = {
    LD_PRELOAD: libraryPath,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  };
  return { environment, set };
}
