/** The audit log as kube-apiserver writes it, read on from where it was read last: its own account of every request. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Loose } from '../../contract/kube-client.ts';

export class AuditLog {
  readonly #file: string;
  #readBytes = 0;
  /** A line that is being written. */
  #rest = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
  }

  /** Events that were written since the last time. */
  next(): readonly Loose[] {
    const file = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#readBytes);
      this.#readBytes += readSync(file, bytes, 0, bytes.length, this.#readBytes);
      const text = Buffer.concat([this.#rest, bytes]);
      const end = text.lastIndexOf('\n') + 1;
      this.#rest = text.subarray(end);
      return text
        .toString('utf8', 0, end)
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Loose);
    } finally {
      closeSync(file);
    }
  }
}
