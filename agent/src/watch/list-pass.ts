import type { GapCause, JsonObject, MessageBody } from '@driftline/proto';
import { beforeAnyVersion } from '../known/known.ts';
import type { KindProgress } from '../known/known.ts';
import { serverStampUs } from './commit-floor.ts';
import type { KindLine } from './kind-line.ts';
import { nameKey, nameOf } from './object-name.ts';
import type { ChangeEvent, ListEnd, Moving } from './sighting.ts';

/** One complete list of a kind, in pages or as a streamed initial state. */
export class ListPass {
  readonly #line: KindLine;
  readonly #cause: GapCause;
  readonly #isFirst: boolean;
  /** What a first list shows is compared when it has ended, not sent. */
  readonly #isRemembered: boolean;
  readonly #start: KindProgress;
  readonly #startUs: number;
  readonly #notBeforeUs: number;
  readonly #listed = new Set<string>();
  #canDelete = true;

  constructor(line: KindLine, cause: GapCause) {
    this.#line = line;
    this.#start = line.progress();
    this.#isFirst = !this.#start.isSynced;
    this.#isRemembered = this.#isFirst && line.comparison !== undefined;
    this.#cause = this.#isFirst ? firstCause(this.#start.seenVersion, cause) : cause;
    this.#startUs = line.heardUs;
    this.#notBeforeUs = this.#isFirst ? 0 : this.#start.seenAtUs;
    line.countList(this.#cause);
  }

  async item(object: JsonObject, bytes: number): Promise<void> {
    this.#listed.add(nameKey(nameOf(object)));
    await this.#line.present({ object, bytes, sight: this.#isFirst ? 'first-list' : 'relist' }, this.#after(object));
  }

  /** A change within a streamed initial state. */
  async observe({ type, object, bytes }: ChangeEvent): Promise<void> {
    if (type === 'ADDED') {
      await this.item(object, bytes);
    } else if (type === 'MODIFIED') {
      this.#listed.add(nameKey(nameOf(object)));
      await this.#line.present({ object, bytes, sight: 'modified' }, this.#after(object));
    } else {
      this.#listed.delete(nameKey(nameOf(object)));
      await this.#line.absent(object, bytes, this.#after(object));
    }
  }

  /** Of what a list shows nothing is known but that it is newer than what was seen, and than its own stamps. */
  #after(object: JsonObject): Moving {
    const floorUs = this.#notBeforeUs;
    const notBeforeUs = Math.max(floorUs, serverStampUs(object));
    return { progress: {}, notBeforeUs, floorUs, isRemembered: this.#isRemembered };
  }

  /** An item that cannot even be named: then no object's absence proves its deletion. */
  hasUnnamed(): void {
    this.#canDelete = false;
  }

  /** The list begins anew: what was listed before proves nothing about what is there now. */
  restart(): void {
    this.#listed.clear();
  }

  /** Deletes what was not listed, confesses what was not seen, and says that the kind is complete at this version. */
  async complete(end: ListEnd): Promise<void> {
    const { resourceVersion } = end;
    if (this.#canDelete) await this.#line.removeExcept(this.#listed, resourceVersion, this.#isRemembered);
    const bodies: MessageBody[] = [];
    if (this.#isFirst || this.#start.seenVersion !== resourceVersion || !this.#canDelete) {
      bodies.push(
        this.#line.gap({
          cause: this.#cause,
          detail: this.#canDelete ? '' : 'listed objects could not be read: deletions were not inferred',
          fromVersion: this.#start.seenVersion,
          toVersion: resourceVersion,
          fromUs: this.#startUs,
          toUs: end.seenAtUs,
        }),
      );
    }
    const { group, resource, kind } = this.#line.kind;
    if (this.#line.comparison === undefined)
      bodies.push({ type: 'kind-synced', group, resource, kind, resourceVersion, objects: this.#listed.size });
    await this.#line.synced(bodies, end);
  }
}

/** A kind that was seen in this epoch is listed for the first time when what was known of it went with the spool's messages. */
function firstCause(seenVersion: string, cause: GapCause): GapCause {
  if (seenVersion === '') return 'epoch_start';
  return seenVersion === beforeAnyVersion ? cause : 'spool_damage';
}
