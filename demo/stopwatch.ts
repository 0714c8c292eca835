/** Times the stages of the demo. Wall-clock times of one run: they show where time goes, they are no benchmark. */

export interface Stage {
  readonly name: string;
  readonly ms: number;
}

export class Stopwatch {
  readonly stages: Stage[] = [];

  async time<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.stages.push({ name, ms: performance.now() - start });
    return result;
  }
}
