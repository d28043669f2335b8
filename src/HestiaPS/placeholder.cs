namespace HestiaPS;
