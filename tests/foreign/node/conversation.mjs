// One client as a program: a line of JSON in is a question `{"do": name, ...}`, a line out is its answer.

import { createInterface } from "node:readline";

// `clients`: what to do by name, each `async (asked) => answer`. What a library refuses is told with its words.
export async function answer(todo) {
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    try {
      const answered = await todo[asked.do](asked);
      console.log(JSON.stringify({ answer: answered ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ refused: words(error) }));
    }
  }
}

// The chain of causes, outermost first: libraries wrap the server's `error`.
function words(error) {
  const said = [error.name, error.code, error.error, error.error_description, error.message];
  if (typeof error.cause === "string" || error.cause instanceof Error) {
    said.push(error.cause instanceof Error ? words(error.cause) : error.cause);
  } else if (error.cause && typeof error.cause === "object") {
    said.push(JSON.stringify(error.cause, (name, value) => (value instanceof Response ? value.status : value)));
  }
  return said.filter(Boolean).join(": ");
}
