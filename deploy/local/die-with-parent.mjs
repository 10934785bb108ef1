// Preloaded into the children of `npm start`: a child whose parent is gone, however that came about, stops as on SIGTERM.
process.stdin.resume();
process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.once('error', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.unref?.();
