import type { ApiCoverage } from '@driftline/proto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditingText } from './status-auditing.ts';

const coverage = (cluster: string, reason: string): ApiCoverage => ({
  cluster,
  group: 'audit.k8s.io',
  resource: 'events',
  kind: 'Event',
  state: 'watched',
  reason,
  since: '2026-01-01T00:00:00Z',
});

test('status says how many changes no event explains, which Audit-IDs are ambiguous, and whether drops can be seen', () => {
  const text = auditingText(
    [
      { cluster: 'east', changes: 250, unexplained: 25, events: 400, ambiguousIds: 2 },
      { cluster: 'north', changes: 1000, unexplained: 1, events: 900, ambiguousIds: 0 },
      { cluster: 'west', changes: 7, unexplained: 0, events: 9, ambiguousIds: 0 },
    ],
    [
      coverage('east', 'Writes. Drops are confessed'),
      coverage('north', 'Writes. Drops cannot be\u001b[2J seen'),
      { ...coverage('west', 'of another kind'), group: '' },
    ],
  );
  assert.match(text, /\neast +250 +25 \(10 %\) +400 +2 +Writes\. Drops are confessed\n/);
  assert.match(text, /\nnorth +1000 +1 \(under 1 %\) +900 +0 +Writes\. Drops cannot be/);
  assert.match(text, /\nwest +7 +0 +9 +0 +-/);
  assert.match(text, /Audit-IDs that came with more than one content/);
  assert.ok(!text.includes('\u001b'), 'what an agent says is not given to the terminal as it is');
});

test('status is silent about auditing where nothing has changed, and about ambiguity where there is none', () => {
  assert.equal(auditingText([], []), '');
  const one = { cluster: 'west', changes: 7, unexplained: 0, events: 9, ambiguousIds: 0 };
  assert.doesNotMatch(auditingText([one], []), /more than one content/);
});
