// Builds the web console and its pages, unless nothing they are made of has changed.
