/**
 * The engine from the command line: `npm run -s memit -- edit | predict | trace | lens | reach | evaluate | benchmark | sweep | damage | facts | statistics`.
 * Exit codes: 0 done, 1 the run failed, 2 bad arguments or input; each failure is one line on standard error.
 */
import { Command, CommanderError } from 'commander';
import { EngineError, type ErrorCode } from '../engine/errors.ts';
import { messageOf } from '../engine/text.ts';
import { benchmarkCommand } from './commands/benchmark.ts';
import { damageCommand } from './commands/damage.ts';
import { editCommand } from './commands/edit.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { factsCommand } from './commands/facts.ts';
import { lensCommand } from './commands/lens.ts';
import { predictCommand } from './commands/predict.ts';
import { reachCommand } from './commands/reach.ts';
import { sweepCommand } from './commands/sweep.ts';
import { statisticsCommand } from './commands/statistics.ts';
import { traceCommand } from './commands/trace.ts';
import { refuseOverwriting } from './outputs.ts';

const COMMANDS = [
  editCommand,
  predictCommand,
  traceCommand,
  lensCommand,
  reachCommand,
  evaluateCommand,
  benchmarkCommand,
  sweepCommand,
  damageCommand,
  factsCommand,
  statisticsCommand,
];

/** Failures of what was given; all others are failures of the run. */
const INPUT_CODES: readonly ErrorCode[] = [
  'access',
  'download',
  'input',
  'model',
  'patch',
  'request',
  'safetensors',
  'statistics',
];

function program(): Command {
  const root = new Command('memit').description('Edit facts inside a language model.');
  for (const register of COMMANDS) register(root);
  root.hook('preAction', (_, command) => refuseOverwriting(command.opts()));
  root.commands.forEach((each) => each.exitOverride());
  return root.exitOverride();
}

async function main(): Promise<number> {
  try {
    await program().parseAsync();
    return 0;
  } catch (error) {
    // Commander has printed its own line already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const advice = error instanceof EngineError ? [error.kept, error.next] : [];
    process.stderr.write(`memit: ${[messageOf(error), ...advice].filter((part) => part !== '').join(' ')}\n`);
    return error instanceof EngineError && INPUT_CODES.includes(error.code) ? 2 : 1;
  }
}

// onnxruntime's threads would keep the process alive.
process.exit(await main());
