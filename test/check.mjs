// All that is checked without running it, in two lines side by side: none of the steps reads what another writes. Each
// step's output comes whole when it ends; all of them run, so that one look tells everything that is wrong.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

const lines = [['lint'], ['typecheck', 'format:check', 'generated:check']];

const passed = await Promise.all(lines.map(runLine));
process.exitCode = passed.every(Boolean) ? 0 : 1;

async function runLine(scripts) {
  let isPassed = true;
  for (const script of scripts) isPassed = (await run(script)) && isPassed;
  return isPassed;
}

async function run(script) {
  const child = spawn('npm', ['run', '--silent', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', resolve);
  });
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const isPassed = code === 0;
  console.log(`${isPassed ? '✔' : '✖'} ${script}${isPassed ? '' : ` (${code})`}\n${out}${err}`.trimEnd());
  return isPassed;
}
