export { type OpenSocket, openSockets, type ProcessAtSocket, type SocketListing } from './open-sockets.ts';
