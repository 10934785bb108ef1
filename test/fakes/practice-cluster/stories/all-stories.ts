import { hotfix } from './hotfix.ts';
import type { Story } from './story.ts';

/** In the order in which the loop plays them. */
export const allStories: readonly Story[] = [hotfix];
