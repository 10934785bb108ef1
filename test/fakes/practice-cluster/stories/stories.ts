import { objectReply, type Reply } from '../api/request.ts';
import { allStories } from './all-stories.ts';
import type { Step, Story, StoryWorld } from './story.ts';

export type StoryRun = { readonly story: string; readonly step: string; readonly error?: string };

/** Plays stories: on demand, whole or undone, or round and round. */
export class Stories {
  readonly #world: StoryWorld;
  /** Stories whose traces may be in the cluster. */
  readonly #traces: Set<string>;
  #isStopped = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  /** `isContinued`: the cluster's state is from an earlier start, so any story may have left something. */
  constructor(world: StoryWorld, isContinued: boolean) {
    this.#world = world;
    this.#traces = new Set(isContinued ? allStories.map((story) => story.name) : []);
  }

  list(): readonly Story[] {
    return allStories;
  }

  /** Plays a story at once. What it left from an earlier time is taken back first. Throws for an unknown name. */
  play(name: string): readonly StoryRun[] {
    const story = this.#find(name);
    if (this.#traces.has(name)) this.undo(name);
    this.#traces.add(name);
    return story.steps.map((step) => this.#run(story, step));
  }

  undo(name: string): readonly StoryRun[] {
    const story = this.#find(name);
    this.#traces.delete(name);
    return story.undo.map((step) => this.#run(story, step));
  }

  /** Plays every story in turn, a step each `paceMs`, and takes each back before the next round. */
  startLoop(paceMs: number, onStep: (run: StoryRun) => void = () => undefined): void {
    this.#loop ??= this.#play(paceMs, onStep);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    await this.#loop;
  }

  async #play(paceMs: number, onStep: (run: StoryRun) => void): Promise<void> {
    while (!this.#isStopped) {
      for (const story of allStories) {
        const undo = this.#traces.has(story.name) ? story.undo : [];
        this.#traces.add(story.name);
        for (const step of [...undo, ...story.steps]) {
          if (this.#isStopped) return;
          onStep(this.#run(story, step));
          await this.#pause(paceMs);
        }
      }
    }
  }

  #find(name: string): Story {
    const story = allStories.find((candidate) => candidate.name === name);
    if (story === undefined)
      throw new Error(`no story '${name}'; there are: ${allStories.map((item) => item.name).join(', ')}`);
    return story;
  }

  #run(story: Story, step: Step): StoryRun {
    try {
      step.run(this.#world);
      return { story: story.name, step: step.title };
    } catch (error) {
      return { story: story.name, step: step.title, error: error instanceof Error ? error.message : String(error) };
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** `GET /practice/stories`, `POST /practice/stories/<name>`, `DELETE /practice/stories/<name>`. */
export const storyControl = (stories: Stories, method: string, path: string): Reply | undefined => {
  const match = /^\/practice\/stories(?:\/([\w-]+))?\/?$/.exec(path.split('?')[0] ?? '');
  if (match === null) return undefined;
  const [, name] = match;
  if (name === undefined) {
    return objectReply({
      stories: stories
        .list()
        .map((story) => ({ name: story.name, title: story.title, steps: story.steps.map((step) => step.title) })),
    });
  }
  if (!stories.list().some((story) => story.name === name))
    return objectReply({ error: `no story '${name}'; GET /practice/stories lists them` }, 404);
  if (method !== 'POST' && method !== 'DELETE')
    return objectReply({ error: 'POST plays a story, DELETE takes it back' }, 405);
  const runs = method === 'POST' ? stories.play(name) : stories.undo(name);
  return objectReply({ runs: runs.map((run) => ({ ...run })) });
};
