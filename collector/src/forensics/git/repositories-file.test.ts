import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepositories, readRepositories, RepositoriesError } from './repositories-file.ts';

const url = 'https://git.example.com/platform/deployments.git';
const parse = (entry: object) => parseRepositories({ repositories: [{ url, branch: 'main', ...entry }] });

test('what an entry may leave out', () => {
  const [entry] = parse({});
  assert.deepEqual(entry, { url, branch: 'main', match: { tenant: 'default' } });
  assert.equal(parse({ branch: 'release/2026.1' }).length, 1);
});

test('what is refused, by place and never by value', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ url: 'https://reader:hunter2hunter2@git.example.com/x' }, /repositories\.0\.url: credentials belong into/],
    [{ url: 'http://git.example.com/x' }, /repositories\.0\.url: an https:\/\/ address/],
    [{ url: 'ext::sh -c true' }, /repositories\.0\.url/],
    [{ url: '--upload-pack=true' }, /repositories\.0\.url/],
    [{ url: undefined }, /either a url or a path/],
    [{ path: '/srv/x.git' }, /either a url or a path/],
    [{ url: undefined, path: 'x.git' }, /repositories\.0\.path: an absolute path/],
    [{ url: undefined, path: '/x.git', credentialsFile: '/c' }, /a path needs no credentials/],
    [{ branch: '--all' }, /repositories\.0\.branch/],
    [{ branch: 'main:refs/heads/x' }, /repositories\.0\.branch/],
    [{ branch: 'a..b' }, /repositories\.0\.branch/],
    [{ match: { repoURLs: ['https://*.example.com'] } }, /repositories\.0\.match\.repoURLs\.0/],
    [{ password: 'hunter2hunter2' }, /repositories\.0: /],
  ];
  for (const [entry, message] of wrong)
    assert.throws(
      () => parse(entry),
      (error) => error instanceof RepositoriesError && message.test(error.message) && !/hunter2/.test(error.message),
      JSON.stringify(entry),
    );
});

test('a file that cannot be read is named', async () => {
  await assert.rejects(readRepositories('/nonexistent/git.json'), /\/nonexistent\/git\.json: it cannot be read/);
});
