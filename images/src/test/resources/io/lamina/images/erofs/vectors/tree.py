import os,random,sys
out=sys.argv[1]; r=random.Random(7); os.makedirs(out+'/d')
words=[bytes(r.randrange(97,123) for _ in range(r.randrange(2,9))) for _ in range(24)]
def text(n):
    b=bytearray()
    while len(b)<n: b+=words[int(r.random()**3*24)]+b' '
    return bytes(b[:n])
def put(name,data): open(f'{out}/{name}','wb').write(data)
put('empty',b'')
for n in (1,4096,4097,9000,40000): put(f'text-{n}',text(n))
put('noise',r.randbytes(1500))
put('zeroes',bytes(40000))
put('mixed',text(9000)+r.randbytes(2500)+bytes(9000)+text(12001))
both=text(14000)
put('d/first',both+text(3000)); put('d/second',text(700)+both)
for k in range(6): put(f'd/small-{k}',text(200*k+50))
for k in range(5):
    put(f'd/attributes-{k}',text(9000+k))
    for j in range(k): os.setxattr(f'{out}/d/attributes-{k}',f'user.some.long.prefix.{"n"*(j*3+k)}',bytes([65+j])*(3*j+1))
os.symlink('text-1',out+'/link'); os.link(out+'/text-9000',out+'/d/hard')
