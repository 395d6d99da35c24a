export { type ComputerScope, wholeComputer } from './whole-computer.ts';
