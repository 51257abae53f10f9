#!/usr/bin/env node
/** The `dmascope` program. */
import { runApplication } from './application.ts';
import { bugReport } from './bug-report.ts';
import { EXIT } from './exit-codes.ts';
import { NodeHost } from './node-host.ts';
import { createServices } from './services.ts';

const args = process.argv.slice(2);
const host = new NodeHost();

// Nothing may end in a bare stack, whatever escapes.
const fail = (error: unknown) => {
  host.err.write(`\n${bugReport(error, args, host.versions)}\n`);
  process.exitCode = EXIT.internal;
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

// The exit status is set and not forced, so that what is still in the streams gets out.
process.exitCode = await runApplication(host, createServices(), args);
