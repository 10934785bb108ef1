import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scan } from './scan.ts';
import { settings } from './testing/scan-files.ts';

const corpora = process.env['DRIFTLINE_CORPORA'];
const everyNth = 8;

test('manifests of real projects are judged whole: no problem, hardly anything unjudged, every finding in its place', {
  skip: corpora === undefined ? 'DRIFTLINE_CORPORA is not set: 485 real-world manifests are not scanned' : false,
}, async () => {
  const lines = readFileSync(join(corpora ?? '', 'realworld/objects.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  const objects = lines
    .filter((_, index) => index % everyNth === 0)
    .map((line) => (JSON.parse(line) as { readonly object: unknown }).object);
  const text = objects.map((object) => JSON.stringify(object, null, 1)).join('\n---\n');
  const report = await scan(['-'], { ...settings, readStdin: async () => `# several documents\n${text}` });
  assert.deepEqual(report.problems, []);
  assert.equal(report.objects.length, objects.length);
  assert.ok(objects.length > 480, `${objects.length} objects`);
  assert.ok(report.findings.length > objects.length / 2, `${report.findings.length} findings`);
  const unjudged = report.unanswered.filter(({ state }) => state === 'unjudged').length;
  assert.ok(unjudged <= objects.length / 100, `${unjudged} unjudged`);
  const lineCount = text.split('\n').length + 1;
  for (const { place } of report.findings)
    assert.ok(place.file === 'stdin' && place.line >= 1 && place.line <= lineCount, JSON.stringify(place));
});
