import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * What the process uses, by the names that others know. Read when somebody asks. Not prom-client's own set: its watch of
 * the event loop and of each collection takes a tenth of what an agent at fifty changes a second takes.
 */
export function followProcess(registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const total = (name: string, help: string, read: () => number): Counter =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  total('process_cpu_seconds_total', 'CPU time used, user and system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const startedAtS = performance.timeOrigin / 1_000;
  gauge('process_start_time_seconds', 'When the process began, since the Unix epoch', () => startedAtS);
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  gauge('nodejs_heap_size_total_bytes', 'Heap that V8 holds', () => process.memoryUsage().heapTotal);
  gauge('nodejs_heap_size_used_bytes', 'Heap in use, garbage included', () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Memory of buffers outside the heap', () => process.memoryUsage().external);
}
