import MoqPublish from "@moq/publish/element";

/** Runs in the page: an unmodified <moq-publish> with the camera and microphone that Chromium feigns. */
class PublishPage {
  readonly #element = new MoqPublish();

  start(url: string, name: string): void {
    const element = this.#element;
    element.connection.websocket = { enabled: window.WebTransport === undefined };
    element.setAttribute("url", url);
    element.setAttribute("name", name);
    element.setAttribute("preview", "none");
    element.setAttribute("source", "camera");
    document.body.append(element);
  }

  get version(): string | undefined {
    return this.#element.connection.established.peek()?.version;
  }
}

declare global {
  interface Window {
    publishPage: PublishPage;
  }
}

window.publishPage = new PublishPage();
