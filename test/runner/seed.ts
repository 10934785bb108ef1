/** Loaded before a file of properties: the seed that they all begin with, so that a run can be had again. */
import * as fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['DRIFTLINE_SEED']) });
