/** What `npm start` prints: progress on everything that takes time, then one line that begins with `ready`. */
import type { LocalFlags } from './flags.ts';
import type { LocalSystem } from './local-system.ts';

export class Announcer {
  readonly #startedAtMs = Date.now();

  step(text: string): void {
    console.log(`  ${this.#elapsed()}  ${text}`);
  }

  ready(system: LocalSystem, flags: LocalFlags): void {
    const lines = [
      `ready  ${system.apiUrl}`,
      '',
      `${this.#scene(system, flags)} Try:`,
      '  npx driftline log                       what changed, who did it, what allowed it, what it broke',
      '  npx driftline log --origin human        only what people did by hand',
      '  npx driftline findings --severity high  what breaks policy',
      '  npx driftline at 1m get rolebindings    the state a minute ago',
      '  npx driftline score                     posture',
      '  npx driftline grants --unused           permissions that nobody uses',
      '  npx driftline status                    agents, lag, gaps, coverage',
    ];
    if (!flags.isDefaultHome) {
      lines.push(
        '',
        'The commands find this one by:',
        `  export DRIFTLINE_URL=${system.apiUrl} DRIFTLINE_TOKEN_FILE=${system.readerTokenFile}`,
      );
    }
    if (system.practiceKubeconfig !== undefined) {
      lines.push(
        '',
        'Change something yourself:',
        `  KUBECONFIG=${system.practiceKubeconfig} kubectl -n shop scale deploy --all --replicas=2`,
      );
    }
    if (system.unseenKinds > 0) {
      lines.push('', `${system.unseenKinds} kinds are not seen; 'npx driftline status' says which, and why.`);
    }
    lines.push('', `Logs and data: ${system.folder}   Stop: Ctrl-C`);
    console.log(lines.join('\n'));
  }

  #scene(system: LocalSystem, flags: LocalFlags): string {
    if (!system.isPractice) return `Watching ${system.cluster}.`;
    return flags.paceMs === 0
      ? 'The practice cluster is quiet (--pace 0).'
      : 'The practice cluster plays its stories; something changes every few seconds.';
  }

  #elapsed(): string {
    return `${((Date.now() - this.#startedAtMs) / 1000).toFixed(1).padStart(5)} s`;
  }
}
