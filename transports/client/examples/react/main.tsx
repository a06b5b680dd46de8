// The bell and a live list in React 19, which sets an element's properties by itself.
import { StrictMode, useEffect, useState, type DetailedHTMLProps, type HTMLAttributes } from "react";
import { createRoot } from "react-dom/client";
import { MessageList, Reddot, type Message } from "reddot";
import type { ReddotBell } from "reddot/bell";
import "reddot/bell";

type Bell = DetailedHTMLProps<HTMLAttributes<ReddotBell>, ReddotBell> & { client?: Reddot | undefined };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "reddot-bell": Bell;
    }
  }
}

/** One client for as long as a component is there: it is made in an effect, so that a server renders none. */
function useReddot(user: string): Reddot | undefined {
  const [client, setClient] = useState<Reddot>();
  useEffect(() => {
    const made = new Reddot({ user, url: new URLSearchParams(location.search).get("server") ?? location.origin });
    setClient(made);
    return () => made.close();
  }, [user]);
  return client;
}

function Inbox({ client }: { client: Reddot }) {
  const [messages, setMessages] = useState<Message[]>([]);
  useEffect(() => {
    const list = new MessageList(client, { limit: 20 }, () => setMessages([...list.messages]));
    void list.load().catch(() => {});
    return () => list.close();
  }, [client]);
  return (
    <ul>
      {messages.map((m) => (
        <li key={m.id}>{m.title ?? m.body}</li>
      ))}
    </ul>
  );
}

function App() {
  const [user, setUser] = useState("alice");
  const client = useReddot(user);
  return (
    <main>
      <h1>Shop</h1>
      <button onClick={() => setUser(user === "alice" ? "bob" : "alice")}>I am {user}</button>
      {client && <reddot-bell client={client} />}
      {client && <Inbox client={client} />}
    </main>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
