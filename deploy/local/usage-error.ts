/** The command line, or what it names, is wrong: exit 2, with the usage. */
export class UsageError extends Error {}
