// Gives back what it got, with AWS's Node.js client.
export const handler = async (event) => event;
