import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

/**
 * A port that nothing listens on, held until its `server` is closed. Below the ports that Linux gives to clients (32,768
 * on): a server that was killed finds its port free again, whatever other test files connect to meanwhile.
 */
export async function holdPort(): Promise<{ port: number; server: Server }> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer();
    const isHeld = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (isHeld) return { port, server };
  }
}

export async function freePort(): Promise<number> {
  const { port, server } = await holdPort();
  await new Promise((done) => server.close(done));
  return port;
}
