// A process of its own for a trial: what one trial leaves behind in memory does not touch the next. Started by the runner.
import { runTrial, type TrialPlan } from './trial.js';

process.once('message', (plan: TrialPlan) => {
  // The parent's end is the end of this.
  const orphaned = (): void => process.exit(1);
  process.once('disconnect', orphaned);
  const end = (): void => {
    process.off('disconnect', orphaned);
    process.disconnect();
  };
  runTrial(plan, (message) => process.send!(message)).then(end, (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.send!({ kind: 'failure', message }, end);
  });
});
// At ctrl-c the parent decides.
process.on('SIGINT', () => undefined);
