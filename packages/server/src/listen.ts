import { ServeError } from "./options.js";

interface Address {
  host: string;
  port: number;
}

/** @returns the address   @throws ServeError if it cannot be used */
export async function listen(
  app: { listen: (address: Address) => Promise<string> },
  { host, port }: Address,
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new ServeError(`Port ${port} of ${host} is in use`, "Choose another: --port 0 takes a free one.");
    if (code === "EACCES") throw new ServeError(`Port ${port} needs a permission`, "Choose one above 1023.");
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
      throw new ServeError(
        `${host} is no address of this machine`,
        "Choose one of its addresses, or 127.0.0.1.",
      );
    throw error;
  }
}
