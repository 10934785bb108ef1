import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { defaultMemoryLimits, openMemoryReturn } from './give-back-memory.ts';

const mebibyte = 1024 * 1024;

/** A process of which the test says what it uses; a collection leaves `leftBytes`. */
function openProcess({ hasCollector = true } = {}) {
  const process = { residentBytes: 80 * mebibyte, leftBytes: 90 * mebibyte, cpuUs: 0, nowMs: 0, collections: 0 };
  const collect = (): void => {
    process.collections += 1;
    process.residentBytes = process.leftBytes;
  };
  const memory = openMemoryReturn({
    collect: hasCollector ? collect : undefined,
    residentBytes: () => process.residentBytes,
    cpuUs: () => process.cpuUs,
    nowMs: () => process.nowMs,
    limits: { ...defaultMemoryLimits, lookIntervalMs: 0 },
    logger: pino({ level: 'silent' }),
    onCollected: () => undefined,
  });
  /** A second in which the process used this share of a core. */
  const second = (share: number): void => {
    process.nowMs += 1_000;
    process.cpuUs += share * 1e6;
    memory.look();
  };
  return { process, second };
}

it('what a burst took is given back when the burst is over, and once', () => {
  const { process, second } = openProcess();
  second(0.01);
  process.residentBytes = 140 * mebibyte;
  second(0.9);
  assert.equal(process.collections, 0, 'not while there is work');
  second(0.1);
  assert.deepEqual([process.collections, process.residentBytes], [1, 90 * mebibyte]);
  for (let i = 0; i < 100; i++) second(0.01);
  assert.equal(process.collections, 1, 'what could not be given back is no growth');
});

it('little growth is left alone, and collections keep their distance', () => {
  const { process, second } = openProcess();
  process.residentBytes += defaultMemoryLimits.worthwhileBytes - 1;
  for (let i = 0; i < 100; i++) second(0);
  assert.equal(process.collections, 0);
  for (let i = 0; i < 60; i++) {
    process.residentBytes = 120 * mebibyte;
    second(0);
  }
  assert.equal(process.collections, 60_000 / defaultMemoryLimits.leastIntervalMs);
});

it('a Node without the collector goes on as it is', () => {
  const { process, second } = openProcess({ hasCollector: false });
  process.residentBytes = 500 * mebibyte;
  second(0);
  assert.equal(process.residentBytes, 500 * mebibyte);
});
