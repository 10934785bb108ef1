/** A port that was free a moment ago. */
export declare function freePort(): Promise<number>;
/** The wanted port, if it is free; throws a UsageError that says who is probably there. */
export declare function requirePort(port: number): Promise<number>;
/** `port`, or the next one that is free: the same at every start unless somebody else has it. */
export declare function portFrom(port: number): Promise<number>;
