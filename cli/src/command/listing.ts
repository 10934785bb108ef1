/**
 * The one shape of commands that list: a path of the API, a query, and a way to show items to people. People get a
 * first screenful and are told when there is more; machines get everything, one item at a time as it comes, unless
 * they set a limit themselves: then the document says whether it was cut.
 */
import type { Query } from '../api-client.ts';
import { type CommandContext, text } from './command.ts';
import { isNotFound } from '../exit-code.ts';
import { machineWriter } from '../output/data.ts';
import { outputFormat, requireKnownScope, wholeNumber } from './scope.ts';

export type Listing<T> = {
  readonly path: string;
  /** Several are asked one after the other. */
  readonly query: Query | readonly Query[];
  /** A query for what the API does not know (exit 4) is like one without an answer. */
  readonly skipsUnknown?: boolean;
  /** What people get when they do not say. */
  readonly peopleLimit: number;
  /** Fields of the document beside `items`, such as apiVersion and kind. */
  readonly head?: Readonly<Record<string, string>>;
  /** An item as machines get it; the item itself when not given. */
  toData?(item: T): unknown;
  /** The line of an item with `-o name`, which is refused without this. */
  readonly toName?: (item: T) => string;
  /** Asked when there is nothing, before anything is printed; throws when that is no answer. */
  whenEmpty?(): Promise<void>;
  /** Takes all items for people; called for an empty list, too. */
  people(items: AsyncIterable<T>, isWide: boolean): Promise<void>;
  /** The line for people when there is more than the limit. */
  readonly cutNote: (limit: number) => string;
};

/** `empty`: the queries that were asked and gave nothing. */
export type Listed = { readonly count: number; readonly isCut: boolean; readonly empty: readonly Query[] };

export const limitOption = { limit: { type: 'string' } } as const;
export const limitHelp = (what: string, peopleLimit: number) =>
  ['--limit N', `at most N ${what} (default: ${peopleLimit} for people, all with -o json and yaml)`] as const;

/** Fails with exit 4 when there is nothing and the cluster or the namespace asked for is not known. */
export async function printListing<T>(context: CommandContext, listing: Listing<T>): Promise<Listed> {
  const { toName } = listing;
  const format = outputFormat(context.values, toName === undefined ? [] : ['name']);
  const isForMachines = format !== 'people' && format !== 'wide';
  const limit = wholeNumber(context.values, 'limit', isForMachines ? Number.POSITIVE_INFINITY : listing.peopleLimit);
  const empty: Query[] = [];
  const cut = cutAfter(itemsOf<T>(context, listing, { limit: limit + 1, empty }), limit);
  // Asked first: an unknown cluster must not look like an empty list to whoever reads only the output.
  const items = await withFirst(cut.items);
  if (items === undefined) {
    await requireKnownScope(context);
    await listing.whenEmpty?.();
  }
  const all = items ?? none<T>();
  if (format === 'name') for await (const item of all) context.print(toName?.(item) ?? '');
  else if (format === 'json' || format === 'yaml') {
    const writer = await machineWriter(format, context.print, listing.head);
    for await (const item of all) writer.item(listing.toData === undefined ? item : listing.toData(item));
    writer.end({ truncated: cut.isCut() });
  } else {
    await listing.people(all, format === 'wide');
    if (cut.isCut()) context.print(context.paint.dim(listing.cutNote(limit)));
  }
  if (isForMachines && cut.isCut())
    context.warn(`cut at --limit ${text(context.values, 'limit') ?? ''}; there are more`);
  return { count: cut.count(), isCut: cut.isCut(), empty };
}

async function* itemsOf<T>(
  { api }: CommandContext,
  { path, query, skipsUnknown = false }: Pick<Listing<T>, 'path' | 'query' | 'skipsUnknown'>,
  { limit, empty }: { readonly limit: number; readonly empty: Query[] },
): AsyncGenerator<T, void> {
  let left = limit;
  for (const each of [query].flat()) {
    if (left === 0) return;
    let isEmpty = true;
    try {
      for await (const item of api().items<T>(path, each, left)) {
        isEmpty = false;
        left -= 1;
        yield item;
      }
    } catch (error) {
      if (!skipsUnknown || !isNotFound(error)) throw error;
    }
    if (isEmpty) empty.push(each);
  }
}

function cutAfter<T>(source: AsyncIterable<T>, limit: number) {
  let count = 0;
  let isCut = false;
  async function* items(): AsyncGenerator<T, void> {
    for await (const item of source) {
      isCut = count === limit;
      if (isCut) return;
      count += 1;
      yield item;
    }
  }
  return { items: items(), count: () => count, isCut: () => isCut };
}

/** The same items once the first one is there; undefined when there is none. */
async function withFirst<T>(items: AsyncGenerator<T, void>): Promise<AsyncIterable<T> | undefined> {
  const first = await items.next();
  if (first.done === true) return undefined;
  return (async function* () {
    yield first.value;
    yield* items;
  })();
}

async function* none<T>(): AsyncGenerator<T, void> {}
