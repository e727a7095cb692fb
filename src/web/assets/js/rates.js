// The rates of the last minutes, one number a second: of the whole node, and of each job that runs. Pure but for its memory.

export const SECONDS = 300;
const JOBS = 64;

function push(list, value, times) {
  for (let n = 0; n < times; n += 1) list.push(value);
  if (list.length > SECONDS) list.splice(0, list.length - SECONDS);
}

export class Rates {
  down = [];
  up = [];
  #jobs = new Map();
  #last = 0;

  /** `now` in milliseconds. A browser that slept fills the gap with what it sees now. */
  sample(now, speed, active) {
    const times = this.#last ? Math.max(1, Math.min(SECONDS, Math.round((now - this.#last) / 1000))) : 1;
    this.#last = now;
    push(this.down, speed.down, times);
    push(this.up, speed.up, times);
    for (const job of active.slice(0, JOBS)) {
      if (!this.#jobs.has(job.job)) this.#jobs.set(job.job, []);
      push(this.#jobs.get(job.job), job.rate ?? 0, times);
    }
    if (this.#jobs.size > 2 * JOBS) {
      const running = new Set(active.map((job) => job.job));
      for (const id of this.#jobs.keys()) if (!running.has(id)) this.#jobs.delete(id);
    }
  }

  of(job) {
    return this.#jobs.get(job) ?? [];
  }
}
